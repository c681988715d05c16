"""One file for each command that people type: its options come in, the wings work, and a sentence or a file comes
out."""
