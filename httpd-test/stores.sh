#!/bin/sh
# Prints the option of cargo with which maintenancectl knows the stores of fleets, if what their build
# needs is there. Otherwise says on standard error what is missing.
set -eu

include=${PROTOC_INCLUDE:-/usr/include}
if command -v "${PROTOC:-protoc}" >/dev/null && [ -e "$include/google/protobuf/descriptor.proto" ]; then
    echo "--features maintenancectl/etcd"
else
    echo "maintenancectl is built without stores, so it cannot follow a fleet: there is no protoc." >&2
    echo "Its Debian packages are protobuf-compiler and libprotobuf-dev." >&2
fi
