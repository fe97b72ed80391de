"""How a diagnosis reads: rows, words, terminal text and HTML."""
