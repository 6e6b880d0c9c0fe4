# The table of what is released, for scripts, which read this file with `.`. A script of another folder
# sets `packaging` to this one before.

packaging=$(realpath "${packaging:-$(dirname "$0")}")
tools=$(realpath -m "$packaging/../target/tools")

# The lines of packaging/targets for the architecture $1 and the httpd $2, either of which may be
# empty. An architecture may also be given as Rust or dpkg names it.
targets() {
    lines=$(awk -v arch="${1-}" -v httpd="${2-}" '
        /^#/ || NF == 0 { next }
        { split($3, names, "-") }
        arch != "" && arch != $1 && arch != names[1] && arch != $5 { next }
        httpd != "" && httpd != $2 { next }
        { print }' "$packaging/targets")
    if [ -z "$lines" ]; then
        echo "Nothing is released for ARCH=${1-} HTTPD=${2-}; there is:" >&2
        awk '!/^#/ && NF { print "    ARCH=" $1 " HTTPD=" $2 }' "$packaging/targets" >&2
        return 1
    fi
    echo "$lines"
}

# Sets arch, httpd, target, glibc, deb and loader to those of the architecture $1 and the httpd $2, and
# zig to the target as zig names it.
choose() {
    lines=$(targets "$1" "$2") || exit 1
    # shellcheck disable=SC2046 # the fields of a line
    set -- $(echo "$lines" | head -n 1)
    # shellcheck disable=SC2034 # they are for the scripts
    arch=$1 httpd=$2 target=$3 glibc=$4 deb=$5 loader=$6
    zig=${target%%-*}-linux-gnu
    # zig says x86 where Rust says i686.
    zig=$(echo "$zig" | sed 's/^i[3-6]86/x86/').$glibc
}

# The oldest httpd of each series that a module is built against: IBM HTTP Server's.
base() {
    case $1 in
        2.2) echo 2.2.34 ;;
        *) echo 2.4.12 ;;
    esac
}

version() { sed -n 's/^version = "\(.*\)"/\1/p' "$packaging/../Cargo.toml" | head -n 1; }
