// What channels are called, and what is wrong with one.

export const kinds = {
  webpush: { text: 'A browser', icon: 'browser' },
  ntfy: { text: 'ntfy', icon: 'bell' },
  webhook: { text: 'Webhook', icon: 'link' },
  mail: { text: 'Mail', icon: 'mail' },
};

const problems = {
  gone: 'it is not there any more: add it again',
  throttled: 'it asks for patience, so messages come later',
  offline: 'nobody takes its messages at the moment',
  unreachable: 'it does not answer',
  failed: 'the push service did not take it',
  '3xx': 'it leads to another address; give that one',
  '4xx': 'it refuses: are the address and the token right?',
  '5xx': 'it has a fault of its own',
  busy: 'the server was too busy',
  refused_address: 'its host is unknown, or lies in a private network and no admin has allowed it',
  refused_plain: 'http goes only to hosts that an admin has allowed',
  refused_port: 'its port is open only to hosts that an admin has allowed',
  no_mail_server: 'the server has no mail server any more',
  unavailable: 'a library for connections (libcurl) is missing on the server',
};

/** In words; what has none yet is shown as it is. */
export function problem(word) {
  const code = /^mail_(\d+)$/.exec(word)?.[1];
  return code ? `the mail server said no (${code})` : problems[word] ?? word.replaceAll('_', ' ');
}
