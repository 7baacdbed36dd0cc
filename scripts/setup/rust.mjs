// A Rust toolchain that can compile to wasm32-unknown-unknown.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { mustRun, run } from "../child.mjs";
import { Failure, step } from "../progress.mjs";
import { cached, cachePath } from "./cache.mjs";

const TARGET = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
const DEBIAN_TOOLCHAIN = "debian-rust-wasm-1";

/** Fails with the mend unless `cargo` runs. */
export async function requireCargo() {
  if ((await run("cargo", ["--version"])).code === 0) return;
  throw new Failure("Rust is not installed: install it from https://rustup.rs, then run this again.");
}

/** The environment under which `cargo` compiles to Wasm; adds the target to the toolchain if it must. */
export async function wasmRustEnv() {
  await requireCargo();
  if (await targetInstalled()) return process.env;
  if (existsSync(cachePath(DEBIAN_TOOLCHAIN))) return debianEnv(cachePath(DEBIAN_TOOLCHAIN));

  console.log(`adding the Rust target ${TARGET} with rustup …`);
  const added = await run("rustup", ["target", "add", TARGET]);
  if (added.code === 0 && (await targetInstalled())) return process.env;
  // Where rustup's server can't be reached, Debian's own packages hold the library's
  // source, from which the target's standard library can be built.
  if (!existsSync("/etc/debian_version")) {
    throw new Failure(`\`rustup target add ${TARGET}\` failed; mend that, then run this again:\n${added.output.trimEnd()}`);
  }
  return debianEnv(await debianToolchain());
}

async function targetInstalled() {
  const { code, stdout } = await run("rustc", ["--print", "target-libdir", "--target", TARGET]);
  return code === 0 && existsSync(stdout.trim());
}

/** First on the PATH, so that `cargo` and what it calls are this toolchain's and not rustup's. */
function debianEnv(toolchain) {
  const { RUSTUP_TOOLCHAIN: _, ...env } = process.env;
  // clippy-driver does not go by the rustc it stands in for; it asks SYSROOT.
  return { ...env, PATH: join(toolchain, "bin") + delimiter + env.PATH, SYSROOT: toolchain };
}

/** Debian's compiler with a sysroot of our own: neither the system's nor rustup's is written to. */
async function debianToolchain() {
  const { stdout } = await mustRun("rustc", ["--print", "sysroot"]);
  await installDebianPackages();
  const host = (await mustRun("/usr/bin/rustc", ["--print", "host-tuple"])).stdout.trim();
  const linker = join(stdout.trim(), "lib/rustlib", host, "bin/rust-lld");
  if (!existsSync(linker)) {
    throw new Failure("no rust-lld to link Wasm with: install Rust from https://rustup.rs, then run this again.");
  }
  const label = `building Rust's standard library for ${TARGET} (about 1 min, once)`;
  return cached(DEBIAN_TOOLCHAIN, label, async (directory) => {
    const bin = join(directory, "bin");
    const libraries = join(directory, "lib/rustlib", TARGET, "lib");
    mkdirSync(bin);
    mkdirSync(libraries, { recursive: true });
    symlinkSync(`/usr/lib/rustlib/${host}`, join(directory, "lib/rustlib", host));
    symlinkSync(linker, join(bin, "rust-lld"));
    for (const tool of ["cargo", "cargo-clippy", "clippy-driver"]) symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
    const rustc = `#!/bin/sh\nexec /usr/bin/rustc --sysroot '${cachePath(DEBIAN_TOOLCHAIN)}' "$@"\n`;
    writeFileSync(join(bin, "rustc"), rustc, { mode: 0o755 });
    await buildStandardLibrary(libraries, join(directory, "draft"));
  });
}

async function installDebianPackages() {
  if ((await run("dpkg", ["-s", ...DEBIAN_PACKAGES])).code === 0) return;
  const install = ["install", "--yes", "--no-install-recommends", ...DEBIAN_PACKAGES];
  const mend = `make \`rustup target add ${TARGET}\` or, as root, \`apt-get ${install.join(" ")}\` work, then run this again.`;
  if (process.getuid() !== 0) {
    throw new Failure(`the Rust target ${TARGET} is missing: ${mend}`);
  }
  await step(`rustup can't; installing ${DEBIAN_PACKAGES.join(", ")} with apt-get`, async () => {
    await mustRun("apt-get", ["update"], { mend });
    await mustRun("apt-get", install, { mend, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  });
}

/** Cargo builds the standard library with any crate: here an empty one, whose output is then left out. */
async function buildStandardLibrary(destination, scratch) {
  mkdirSync(join(scratch, "src"), { recursive: true });
  writeFileSync(join(scratch, "src/lib.rs"), "");
  writeFileSync(join(scratch, "Cargo.toml"), '[package]\nname = "empty"\nedition = "2024"\n[workspace]\n');
  const build = ["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort"];
  const { RUSTUP_TOOLCHAIN: _, CARGO_TARGET_DIR: __, ...env } = process.env;
  await mustRun("/usr/bin/cargo", build, {
    cwd: scratch,
    // -Zbuild-std is for nightly; the bitcode is what link-time optimisation works on.
    env: { ...env, RUSTC: "/usr/bin/rustc", RUSTC_BOOTSTRAP: "1", RUSTFLAGS: "-Cembed-bitcode=yes" },
    mend: "see that crates.io can be reached, then run this again.",
  });
  const built = join(scratch, "target", TARGET, "release/deps");
  for (const file of readdirSync(built)) {
    if (/\.(rlib|rmeta)$/.test(file) && !file.startsWith("libempty-")) copyFileSync(join(built, file), join(destination, file));
  }
  rmSync(scratch, { recursive: true });
}
