"""One file per bug. Each is found by its name; there is no list to keep."""

from gradlab.runtime.tf_environment import set_tf_defaults

set_tf_defaults()  # log settings must stand before the first `import tensorflow` in a scenario
