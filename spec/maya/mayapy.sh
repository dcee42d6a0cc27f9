#!/bin/sh
# mayapy.sh SCRIPT: runs a script of this folder in the Maya of $MAYA_LOCATION, as a user who has nothing. Needs WHORL_BUILD,
# a build with WHORL_MAYA_DEVKIT of that Maya's year. Exit status 77: there is no Maya, nothing was run.
set -u
if [ ! -x "${MAYA_LOCATION:-}/bin/mayapy" ]; then
    echo "skip $(basename "$1" .py): needs Maya (set MAYA_LOCATION to the folder that has bin/mayapy in it)"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Maya neither writes where the user works, nor asks home, nor reports a crash, nor fails to end.
export MAYA_APP_DIR="$folder" XDG_CACHE_HOME="$folder/cache" MAYA_NO_STANDALONE_ATEXIT=1 MAYA_DISABLE_CIP=1 \
    MAYA_DISABLE_CER=1 MAYA_MODULE_PATH="${WHORL_BUILD:?}/lib/whorl/maya"
timeout -k 10 600 "$MAYA_LOCATION/bin/mayapy" "$1"
