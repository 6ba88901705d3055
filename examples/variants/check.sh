#!/bin/sh
# Compares what the workflow called with what has to be there: the planted changes, and what the
# reads differ in from the published genome anyway. The latter is found here anew, without the
# workflow. Fails when precision or recall of a sample is below 0.95, and when anything at all is
# wrong with E. coli, whose reads agree with the published genome.
set -eu
cd "$(dirname "$0")"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
status=0

# Runs a command that talks a lot on stderr; what it said is shown only when it fails.
quiet() { "$@" 2> "$folder/said" || { cat "$folder/said" >&2; exit 1; }; }

# Sequence, position, reference base, base of the reads; sorted.
calls_of() { bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\n' "$1" | LC_ALL=C sort; }

for sample in ecoli lambda; do
    genome=$folder/$sample.fa
    cp "data/genomes/$sample.fa" "$genome"
    quiet bwa index "$genome"
    cat "data/reads/$sample".*_1.fq.gz > "$folder/1.fq.gz"
    cat "data/reads/$sample".*_2.fq.gz > "$folder/2.fq.gz"
    quiet bwa mem "$genome" "$folder/1.fq.gz" "$folder/2.fq.gz" > "$folder/aligned.sam"
    samtools sort -o "$folder/sorted.bam" "$folder/aligned.sam"
    quiet bcftools mpileup -Ou -d 1000 -q 20 -f "$genome" -o "$folder/pileup.bcf" "$folder/sorted.bam"
    bcftools call -mv --ploidy 1 -Ou -o "$folder/called.bcf" "$folder/pileup.bcf"
    bcftools view -i 'QUAL >= 30' -Oz -o "$folder/own.vcf.gz" "$folder/called.bcf"

    calls_of "$folder/own.vcf.gz" > "$folder/own"
    LC_ALL=C sort "out/ref/$sample.truth.tsv" > "$folder/planted"
    LC_ALL=C sort -u "$folder/own" "$folder/planted" > "$folder/wanted"
    calls_of "out/calls/$sample.vcf.gz" > "$folder/called"

    awk -v sample="$sample" -v own="$(awk 'END { print NR }' "$folder/own")" '
        NR == FNR { wanted[$0]; n_wanted++; next }
        { n_called++; if ($0 in wanted) n_right++ }
        END {
            precision = n_called ? n_right / n_called : 0
            recall = n_wanted ? n_right / n_wanted : 0
            printf "%s: %d planted, %d of its own, %d called, %d right: precision %.3f, recall %.3f\n",
                sample, n_wanted - own, own, n_called, n_right, precision, recall
            bar = sample == "ecoli" ? 1 : 0.95
            exit !(n_wanted > own && precision >= bar && recall >= bar)
        }
    ' "$folder/wanted" "$folder/called" || { echo "check: the calls for $sample are wrong" >&2; status=1; }
done
exit $status
