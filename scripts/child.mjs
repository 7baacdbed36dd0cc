// Child processes: quiet ones, whose output matters only if they fail, and shown ones.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure } from "./progress.mjs";

/** Runs a command to its end; answers with its exit code and all it wrote. Never throws. */
export function run(command, args, { env = process.env, cwd } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => resolve({ code: 127, stdout, output: `${output}${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, output }));
  });
}

/** Like `run`, but a failure throws, with the last `tail` lines of the output and `mend`: what to do about it. */
export async function mustRun(command, args, { mend, tail: lines = 25, ...options } = {}) {
  const result = await run(command, args, options);
  if (result.code === 0) return result;
  const tail = result.output.trimEnd().split("\n").slice(-lines).join("\n");
  const failed = `\`${command} ${args.join(" ")}\` failed with exit code ${result.code}:\n${tail}`;
  throw new Failure(mend ? `${failed}\nreprise: ${mend}` : failed);
}

/** Shows a command's output as it comes, giving each line of stdout to `onLine`; answers with the exit code. */
export function show(command, args, { env = process.env, onLine } = {}) {
  return new Promise((resolve) => {
    const stdio = ["inherit", onLine ? "pipe" : "inherit", "inherit"];
    const child = spawn(command, args, { env, stdio });
    if (onLine) {
      child.stdout.on("data", (chunk) => process.stdout.write(chunk));
      createInterface({ input: child.stdout }).on("line", onLine);
    }
    child.on("error", (error) => {
      console.error(`reprise: ${command} could not be run: ${error.message}`);
      resolve(127);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}
