"""What a compiled network becomes for those who use it: files for machines, for C, and for people."""
