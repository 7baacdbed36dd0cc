// All contracts that the suite knows. A new one is a file beside this one, and a line here.

import type { Contract } from "../contract.ts";
import { acp } from "./acp.ts";
import { adyen } from "./adyen.ts";
import { checkout } from "./checkout.ts";
import { iceberg } from "./iceberg.ts";
import { ietf } from "./ietf.ts";
import { increase } from "./increase.ts";
import { modernTreasury } from "./modern-treasury.ts";
import { redactr } from "./redactr.ts";
import { resend } from "./resend.ts";
import { semarize } from "./semarize.ts";
import { speechify } from "./speechify.ts";
import { stripe } from "./stripe.ts";
import { surveycoder } from "./surveycoder.ts";
import { svix } from "./svix.ts";
import { telnyx } from "./telnyx.ts";
import { whop } from "./whop.ts";

export const contracts: readonly Contract[] = [
  semarize, surveycoder, redactr, speechify,
  acp, adyen, checkout, iceberg, ietf, increase, modernTreasury, resend, stripe, svix, telnyx, whop,
];
