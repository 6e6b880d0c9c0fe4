#!/bin/sh
# Plants each defect of a LIST in a copy of the source, and fails unless a test finds it:
#     planted.sh LIST COPY COMMAND...
# A line of the list is "NAME | FILE | ORIGINAL TEXT | PLANTED TEXT". The COMMAND is run in the COPY
# with the NAME as its last word, and must fail with a panic.
set -eu
cd "$(dirname "$0")/.."
list=$1 copy=$2
shift 2
# Keeps the build folder of the copy.
rm -rf "$copy/crates" "$copy/fuzz/fuzz_targets" "$copy/fuzz/corpus"
mkdir -p "$copy/src" "$copy/tests/sanitize" "$copy/fuzz"
cp -R Cargo.toml Cargo.lock build.rs c-shim src crates tools "$copy"
cp -R tests/main.rs tests/harness "$copy/tests" && cp -R tests/sanitize/planted "$copy/tests/sanitize"
cp -R fuzz/Cargo.toml fuzz/Cargo.lock fuzz/fuzz_targets fuzz/corpus "$copy/fuzz"
failed=0
while IFS= read -r line <&3; do
  case $line in \#*|'') continue ;; esac
  name=$(printf '%s' "$line" | sed 's/ | .*//')
  file=$(printf '%s' "$line" | sed 's/^[^|]* | //; s/ | .*//')
  LINE=$line perl -0777 -pe '
    my (undef, undef, $there, $planted) = map { s/\\n/\n/gr =~ s/\\\|/|/gr } split / (?<!\\)\| /, $ENV{LINE}, 4;
    my $at = index $_, $there;
    die "not there: $there\n" if $at < 0;
    substr $_, $at, length $there, $planted;
  ' "$file" >"$copy/$file"
  # Loom aborts the process if it cannot clean up after a failed model.
  if said=$(cd "$copy" && "$@" "$name" 2>&1); then
    said="$said: NOT FOUND"
  fi
  case $said in
    *'NOT FOUND' | *'could not compile'* | *'custom build command'* | *'fully deterministic'*) echo "NOT FOUND: $line"; echo "$said" | tail -n 15; failed=1 ;;
    *'panicked at'*) echo "found: $line" ;;
    *) echo "NOT TRIED: $line"; echo "$said" | tail -n 15; failed=1 ;;
  esac
  cp "$file" "$copy/$file"
done 3<"$list"
exit $failed
