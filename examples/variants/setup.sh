#!/bin/sh
# Installs what this example needs on Debian or Ubuntu and fetches its reads and genomes into data/.
#
#   sh setup.sh          tools (as root or through sudo) and data
#   sh setup.sh --data   the data alone; needs no rights, only apt's package lists
#
# Nothing of others' is kept in this repository: the data comes out of two Debian packages.
set -eu
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

command -v apt-get > /dev/null ||
    die "this needs apt-get; elsewhere install bwa, samtools and bcftools yourself, and see README.md for data/"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        die "run this as root, or install sudo: it has to run: $*"
    fi
}

if [ "${1-}" != --data ]; then
    missing=
    for tool in bwa samtools bcftools; do
        command -v "$tool" > /dev/null || missing="$missing $tool"
    done
    if [ -n "$missing" ]; then
        say "installing$missing"
        as_root apt-get update -qq
        # shellcheck disable=SC2086 # one word for each package
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
    fi
fi

if [ -f data/complete ]; then
    say "data/ is complete"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"

# Unpacked, not installed: the assembler in `spades` is of no use here, and small images install
# no documentation, which is where Bowtie 2's example lies.
download() { apt-get download -qq -o APT::Sandbox::User=root "$1"; }
fetch() {
    say "fetching $1"
    (
        cd "$folder"
        download "$1" || { as_root apt-get update -qq && download "$1"; }
        dpkg-deb -x "$1"_*.deb "$folder"
    ) || die "cannot fetch the package $1"
}
fetch bowtie2-examples
fetch spades
ecoli=$folder/usr/share/spades/test_dataset
lambda=$folder/usr/share/doc/bowtie2/examples

rm -rf data
mkdir -p data/genomes data/reads

# Short names, as `|` and `,` in a sequence's name trouble VCF.
gzip -dc "$ecoli/reference_1K.fa.gz" | sed '1s/.*/>NC_000913.2/' > data/genomes/ecoli.fa
gzip -dc "$lambda/reference/lambda_virus.fa.gz" | sed '1s/.*/>NC_001416.1/' > data/genomes/lambda.fa

# As a sequencer delivers a run: in parts. E. coli's reads tell the tile they come from in the
# fourth part of their name (1 to 100); lambda's are numbered.
cut_into_parts() { # READS SAMPLE END, and an awk expression for the part of a name
    gzip -dc "$1" | awk -v prefix="$folder/$2." -v suffix="_$3.fq" "
        NR % 4 == 1 { split(\$1, name, \"_\"); part = $4 }
        { print > (prefix part suffix) }
    "
    for reads in "$folder/$2".*"_$3.fq"; do
        gzip -nc "$reads" > "data/reads/$(basename "$reads").gz"
    done
}
for end in 1 2; do
    cut_into_parts "$ecoli/ecoli_1K_$end.fq.gz" ecoli "$end" '"tiles" (name[4] <= 50 ? "001" : "051")'
    cut_into_parts "$lambda/reads/reads_$end.fq.gz" lambda "$end" '"block" (NR <= 20000 ? 1 : 2)'
done

for sample in ecoli:2054 lambda:10000; do
    pairs=$(gzip -dc data/reads/"${sample%:*}".*_1.fq.gz | awk 'END { print NR / 4 }')
    [ "$pairs" = "${sample#*:}" ] || die "${sample%:*} has $pairs pairs of reads, not ${sample#*:}: the package changed"
done
: > data/complete
say "data/ is complete"
