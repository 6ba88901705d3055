"""What every scenario stands on: engines as data, processes with a mark, stories with checks."""
