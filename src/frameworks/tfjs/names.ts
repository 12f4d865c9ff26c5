/** What the backend is called in tfjs. */
export const BACKEND = 'flagos';
