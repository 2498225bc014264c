import type { AcmeChallenge } from "../domain/edge.ts";
import type { ChallengeBoard } from "./deps.ts";

/** The edge takes the whole set each time; changes go to it one after the other. */
export const createChallengeBoard = (
  put: (challenges: AcmeChallenge[]) => Promise<unknown>,
): ChallengeBoard => {
  const present = new Set<AcmeChallenge>();
  let tail: Promise<unknown> = Promise.resolve();
  const send = (): Promise<void> => {
    const mine = tail.then(() => put([...present]));
    tail = mine.catch(() => {});
    return mine.then(() => {});
  };
  return {
    publish: async (challenge) => {
      present.add(challenge);
      try {
        await send();
      } catch (error) {
        present.delete(challenge);
        throw error;
      }
      return async () => {
        present.delete(challenge);
        // One that stays answers nothing that anybody asks any more; the next change takes it away.
        await send().catch(() => {});
      };
    },
    resend: async () => {
      if (present.size > 0) await send();
    },
  };
};
