#!/bin/sh
# Cuts the corpus of workflows into inputs for each target: whole files, their lines, their recipes and
# the words in them that are patterns. seeds.sh FOLDER puts them into FOLDER/TARGET.
set -eu
out=$1
cd "$(dirname "$0")/.."

for target in words parser workflow recipe pattern data records state repeated; do
    mkdir -p "$out/$target"
done
cp tests/corpus/*/*.flow "$out/parser"
cp tests/corpus/*/*.flow "$out/workflow"

cat tests/corpus/*/*.flow | LC_ALL=C awk -v out="$out" '
    function save(target, text) {
        if (text == "" || seen[target, text]++) return
        file = out "/" target "/seed-" ++n[target]
        printf "%s", text > file
        close(file)
    }
    # A recipe is what is indented, up to what is not.
    /^[ \t]/ || (/^\r?$/ && recipe != "") { sub(/^(    |\t| )/, ""); recipe = recipe $0 "\n"; next }
    { save("recipe", recipe); recipe = "" }
    {
        save("words", $0)
        # These take long.
        if (n["words"] % 32 == 0) save("repeated", "\036" $0 "\n\036")
        for (at = 1; at <= NF; at++) {
            if ($at !~ /[*?{[]/) continue
            path = $at
            gsub(/\*\*/, "a/b", path); gsub(/[*?]/, "c", path); gsub(/{[^}]*}/, "d", path)
            save("pattern", $at "\n" last "\n" path)
            last = $at
        }
    }
    END {
        save("recipe", recipe)
        save("data", "\tsample\tlane\nb c\t\"1\n2\"\n"); save("data", ",sample,lane\r\n\"b,\"\"c\"\"\",1\r\n")
        save("data", "ta = 1e-3\nb = [1_000, \"x\\n\"]\nc = 2024-01-02\nd = 0xff\n\"e f\" = true\n")
        save("data", "y# y\na: 1e-3\nb: [1, \"x\"]\nc:\n  - d\n  - e\nf: |\n  g\n  h\n")
        save("data", "j{\"a\": 1e-3, \"b\": [1, \"x\\n\"], \"c\": false}")
        save("data", "da.o: src/a.c include/a\\ b.h \\\n  $$x.h\n\ninclude/a.h:\n")
        save("data", "f[cluster]\nqueue = \"long\"\njobs = 7\nsubmit_rate = 1.5\n[cluster.dialect]\nmem = \"-l m={mem}M\"\n")
        save("state", "j{\"sent\":{\"name\":\"r-1.1\",\"is_pack\":false,\"jobs\":[{\"job\":\"a\",\"attempt\":1,\"task\":2,\"inputs\":3,\"tmp\":{\"bytes\":\"/w==\"}}]}}\n{\"id\":[\"r-1.1\",\"7\"]}\n{\"contact\":\"x\"}\n{\"gone\":\"r-1.1\"}\n")
        save("state", "eflow 1\nexit 3\nhost h\n0m0.00s 0m0.01s\n1m2.50s 0m0.25s\nend\n")
        save("state", "o\036 o 1 2 3\na\nb\nc\n\036 f 1 1 0\na\n")
        save("state", "h{\"schema\":1,\"command\":\"run\",\"pid\":7,\"started\":8,\"host\":\"h\",\"machine\":\"m n\",\"since\":\"s\",\"id\":\"i\"}\n")
        save("state", "l1234 000000000000004d\n")
        save("state", "m6f6f6f6f6f6f6f6f6f6f6f6f\n/sys/fs/cgroup/flow-6f6f6f6f6f6f6f6f6f6f6f6f")
        save("state", "aout/a.txt")
        save("records", "out/a b\nin/\303\244\nlast lines\ntrim")
        save("records", "\001\002\003\004\005\001\005\001s\003a b\001\005\001a\002\003\001\005\001b\002\003")
    }'
