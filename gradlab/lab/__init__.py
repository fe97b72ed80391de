"""The lab's own half: scenarios, their measurement, verdicts, training and checks."""
