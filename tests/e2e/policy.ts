// The policies of the tests, as TOML text for the `POLICY` variable.
//
//   policy(origin.url, "POST,PATCH /v1/*")                              one route under the default contract
//   policy(origin.url, { match: "POST /strict/*", rules: `[routes.key]\nmissing = "refuse"` }, …)
//   policy(origin.url, …, { limits: `request_body = "64 KiB"` })

export interface Route {
  /** Methods and path template, such as `POST,PATCH /v1/*`. */
  match: string;
  /** Default: the contract that is the gateway's own default, `ietf`. */
  contract?: string;
  /** The route's overrides as TOML: fields first, then tables such as `[routes.key]`. */
  rules?: string;
}

export interface Rest {
  /** Lines of the table `[limits]`. */
  limits?: string;
}

export function policy(origin: string, ...parts: (string | Route | Rest)[]): string {
  const lines = [`origin = ${JSON.stringify(origin)}`];
  for (const part of parts) {
    if (typeof part === "object" && "limits" in part) lines.push("", "[limits]", part.limits);
  }
  for (const part of parts) {
    const route = typeof part === "string" ? { match: part } : part;
    if (!("match" in route)) continue;
    lines.push("", "[[routes]]", `match = ${JSON.stringify(route.match)}`, `contract = ${JSON.stringify(route.contract ?? "ietf")}`);
    if (route.rules !== undefined) lines.push(route.rules.trim());
  }
  return `${lines.join("\n")}\n`;
}
