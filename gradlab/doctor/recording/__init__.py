"""What ran: ops with the user's lines, tapes, conversions to NumPy and Python."""
