// What goes over the wire: JSON as an API has it, of just the size that is wanted.

/** An order with as many items as fit into `bytes` (100 at least), and a note that fills the rest. */
export function order(bytes: number): Buffer {
  const items: unknown[] = [];
  const text = (note: string): string => JSON.stringify({ customer: "cus_9f2c41", currency: "EUR", express: false, items, note });
  let left = bytes - text("").length;
  for (let n = 0; ; n++) {
    const item = { sku: `sku-${100_000 + n}`, quantity: 1 + (n % 7), price: { amount: Math.round(499 + n * 100) / 100, tax: 0.19 } };
    const length = JSON.stringify(item).length + (n === 0 ? 0 : 1);
    if (length > left) return Buffer.from(text("x".repeat(left)));
    items.push(item);
    left -= length;
  }
}
