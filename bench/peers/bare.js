// A proxy with nothing in it: the least that a Worker in front of an API costs.

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(env.ORIGIN + pathname + search, request);
  },
};
