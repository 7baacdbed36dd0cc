// The load generator's own ceiling: an answer without any work behind it.

const ANSWER = { status: 201, headers: { "Content-Type": "application/json" } };

export default {
  async fetch(request) {
    return new Response(await request.arrayBuffer(), ANSWER);
  },
};
