# shellcheck shell=bash
# Used by the scripts in this folder.

# Runs the command after WORDS, which must fail and print WORDS. This proves that a checker is on.
expect() {
    local words=$1 said found
    shift
    if said=$("$@" 2>&1); then
        printf '%s\n' "$said" >&2
        echo "A planted defect went unnoticed: $*" >&2
        return 1
    fi
    if ! found=$(grep -F -m 1 -e "$words" <<<"$said"); then
        printf '%s\n' "$said" >&2
        echo "A planted defect was not reported as \"$words\": $*" >&2
        return 1
    fi
    echo "Found, as it has to be: $found"
}
