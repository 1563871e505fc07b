// Which view the visitor sees: first run, login, overview, or that the server does not answer.

import { call, seemsLoggedIn } from './api.js';
import { show, shown, version } from './view.js';
import { firstRun } from './first-run.js';
import { login } from './login.js';
import { overview } from './overview.js';

const logOut = document.getElementById('log-out');

/** @param {string} [greeting] heading of the overview */
async function start(greeting) {
  try {
    const config = await call('GET', '/server/config');
    version();
    shown('good', 'Running');
    const user = config.isInitialized && seemsLoggedIn() ? await me() : null;
    logOut.hidden = user === null;
    if (!config.isInitialized) firstRun(start);
    else if (user === null) login(start);
    else await overview(user, greeting);
  } catch (problem) {
    unreachable(problem);
  }
}

/** The user of this login; null where the login has ended. */
async function me() {
  try {
    return await call('GET', '/users/me');
  } catch (problem) {
    if (problem.status === 401) return null;
    throw problem;
  }
}

function unreachable(problem) {
  shown('bad', 'No answer');
  logOut.hidden = true;
  const view = show('unreachable');
  view.problem(problem);
  view.find('button').addEventListener('click', () => start());
}

logOut.addEventListener('click', async () => {
  logOut.disabled = true;
  try {
    await call('POST', '/auth/logout');
  } catch (problem) {
    if (problem.status !== 401) return unreachable(problem);
  } finally {
    logOut.disabled = false;
  }
  await start();
});

await start();
