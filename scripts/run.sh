#!/bin/sh
# Every npm script enters here: it must give a plain answer even where the Node on the
# machine is missing or too old for the scripts themselves, and must work before `npm ci`.
# Usage: sh scripts/run.sh start|test|build|check|bench|conformance|deploy|fuzz|simulate|torture|wasm-cargo [arguments]

stop() {
  echo "reprise: $1" >&2
  exit 1
}

# Paths in the arguments are the caller's, and we are about to leave their directory.
: "${INIT_CWD:=$PWD}"
export INIT_CWD
cd "${0%/*}/.." || exit 1

[ -f "scripts/${1:-}.mjs" ] ||
  stop "'${1:-}' is no command: use start, test, build, check, bench, conformance, deploy, fuzz, simulate, torture or wasm-cargo."
command -v node >/dev/null 2>&1 ||
  stop "Node.js is not installed: install version 18 or newer from https://nodejs.org, then run this again."
node -e 'process.exit(parseInt(process.versions.node, 10) >= 18 ? 0 : 1)' ||
  stop "Node.js $(node --version) is too old: install version 18 or newer from https://nodejs.org, then run this again."

node scripts/setup/node.mjs || exit 1

# From here on `node` is the pinned Node 24, as wrangler and the TypeScript tests need it.
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
command=$1
shift
exec node "scripts/$command.mjs" "$@"
