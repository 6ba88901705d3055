# Reads planted changes, then called variants (both: sequence, position, reference base, base of the
# reads), and prints one line: sample, depth, planted, found, missed, other calls.

{ key = $1 "\t" $2 "\t" $3 "\t" $4 }
FILENAME != "-" && !(key in planted) { planted[key] = 1; n_planted++; next }
FILENAME == "-" { if (key in planted) found++; else other++ }
END { print sample "\t" depth "\t" n_planted + 0 "\t" found + 0 "\t" n_planted - found "\t" other + 0 }
