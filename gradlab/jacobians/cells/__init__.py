"""One step of a recurrent layer and its derivatives."""
