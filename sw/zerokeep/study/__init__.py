"""The study: networks x criteria x levels x seeds, each cell pruned, fine-tuned, quantised and counted."""
