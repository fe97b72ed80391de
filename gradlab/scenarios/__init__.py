"""One file per bug. Each is found by its name; there is no list to keep."""

from gradlab.runtime.tf_environment import settle

settle()  # log settings must stand before the first `import tensorflow` in a scenario
