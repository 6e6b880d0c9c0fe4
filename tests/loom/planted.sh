#!/bin/sh
# Plants each of the defects of planted.txt into a copy of the source, and fails unless the model that
# it names finds it. An argument: another list. Environment: as for the models themselves (see the Makefile).
set -eu
cd "$(dirname "$0")/../.."
copy=${CARGO_TARGET_DIR:-target/loom}/planted
rm -rf "$copy" && mkdir -p "$copy"
cp -R Cargo.toml Cargo.lock build.rs c-shim src benches "$copy"
mkdir -p "$copy/tests/soak" && cp tests/main.rs "$copy/tests" && cp tests/soak/main.rs "$copy/tests/soak"
failed=0
list=${1:-tests/loom/planted.txt}
while IFS= read -r line; do
  case $line in \#*|'') continue ;; esac
  model=$(printf '%s' "$line" | sed 's/ | .*//')
  file=$(printf '%s' "$line" | sed 's/^[^|]* | //; s/ | .*//')
  LINE=$line perl -0777 -pe '
    my (undef, undef, $there, $planted) = map { s/\\n/\n/gr =~ s/\\\|/|/gr } split / (?<!\\)\| /, $ENV{LINE}, 4;
    my $at = index $_, $there;
    die "not there: $there\n" if $at < 0;
    substr $_, $at, length $there, $planted;
  ' "$file" >"$copy/$file"
  # A model that fails panics, or ends the process where loom cannot clean up after it.
  if said=$(cd "$copy" && "${CARGO:-cargo}" test --locked --lib -- "$model" 2>&1); then
    said="$said: NOT FOUND"
  fi
  case $said in
    *'NOT FOUND' | *'could not compile'* | *'fully deterministic'*) echo "NOT FOUND: $line"; echo "$said" | tail -n 15; failed=1 ;;
    *'panicked at'*) echo "found: $line" ;;
    *) echo "NOT TRIED: $line"; echo "$said" | tail -n 15; failed=1 ;;
  esac
  cp "$file" "$copy/$file"
done <"$list"
exit $failed
