/**
 * The calls of one object, taken together: those that have come by the next turn of the event loop are answered in it, one after
 * another, in the order in which they came.
 *
 * What is written in one turn is one commit, and an answer leaves when that is durable (output gate). While one commit is under way, the
 * next calls come in; answered as they come, each would be a commit of its own.
 */
export class Turns {
  #answer;
  /** @type {{ message: any, resolve: (answer: any) => void, reject: (error: any) => void }[]} */
  #waiting = [];

  /** @param {(message: any) => any} answer The answer, or a promise of it; what it throws is for this call and for no other. */
  constructor(answer) {
    this.#answer = answer;
  }

  /** @returns {Promise<any>} */
  ask(message) {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.push({ message, resolve, reject });
      if (waiting === 1) setTimeout(() => this.#take(), 0);
    });
  }

  #take() {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, resolve, reject } of waiting) {
      try {
        resolve(this.#answer(message));
      } catch (error) {
        reject(error);
      }
    }
  }
}
