# Plants single-base changes into a genome, one in the middle half of each window of `window` bases.
# The genome goes to stdout; position, base as planted and base as published go to `truth`.
# The same `seed` gives the same changes with every awk.

function random(limit) { # 0 to limit - 1; the minimal standard generator of Park and Miller
    state = (state * 16807) % 2147483647
    return int(state / 2147483647 * limit)
}

BEGIN {
    state = (seed * 7919) % 2147483646 + 1
    for (i = 0; i < 10; i++) random(1)
}

/^>/ {
    if (NR > 1) {
        print "plant.awk: more than one sequence" > "/dev/stderr"
        failed = 1
        exit 1
    }
    name = substr($1, 2)
    print
    next
}

{ genome = genome toupper($0) }

END {
    if (failed) exit 1
    n = length(genome)
    printf "" > truth
    from = 1
    planted = ""
    for (start = 1; start + window - 1 <= n; start += window) {
        at = start + int(window / 4) + random(int(window / 2))
        published = substr(genome, at, 1)
        others = "ACGT"
        sub(published, "", others)
        if (length(others) != 3) continue # an N
        base = substr(others, random(3) + 1, 1)
        planted = planted substr(genome, from, at - from) base
        from = at + 1
        print name "\t" at "\t" base "\t" published > truth
    }
    planted = planted substr(genome, from)
    for (i = 1; i <= n; i += 60) print substr(planted, i, 60)
}
