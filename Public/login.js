import { call, Problem } from './api.js';
import { onSend, show } from './view.js';

/** @param {() => Promise<void>} done goes on to the overview */
export function login(done) {
  const view = show('login');
  onSend(view.find('form'), async (credentials) => {
    try {
      await call('POST', '/auth/login', credentials);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      view.find('[name="password"]').select();
      throw new Problem(problem.message, 'Forgotten? On the server, “nightstand user password” sets a new one.', 401);
    }
    await done();
  });
}
