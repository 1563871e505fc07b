// No user yet: the visitor creates the admin and is logged in at once.

import { call, Problem } from './api.js';
import { onSend, show } from './view.js';

/** @param {(greeting: string) => Promise<void>} done goes on to the overview */
export function firstRun(done) {
  const view = show('first-run');
  onSend(view.find('form'), async ({ name, email, password, again }) => {
    if (password !== again) {
      view.find('[name="again"]').focus();
      throw new Problem('The two passwords differ.');
    }
    await call('POST', '/auth/admin-sign-up', { name, email, password });
    await call('POST', '/auth/login', { email, password });
    await done(`All set, ${name}`);
  });
}
