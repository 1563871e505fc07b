// What happened, in words.

import { ago, bytes, day, duration, plural } from '../core/format.js';

/** Kinds by what they are about: the filters of the activity screen. */
export const groups = [
  ['', 'Everything'],
  ['stored', 'Stored'],
  ['duplicate', 'Were here already'],
  ['rejected,broken', 'Failed'],
  ['trashed,restored,deleted', 'Trash'],
  ['alarm,disk_level', 'Alarms'],
  ['login,login_failed,logout,password_changed,key_created,key_deleted,user_created,user_deleted', 'Logins and keys'],
  ['device_new,device_renamed,device_merged,device_revoked,device_snoozed,device_checked_in,canary,os_changed,client_changed,push_confirmed,push_moved,push_gone,push_removed,push_expired,outbound_hosts_changed', 'Devices'],
];

const reasons = {
  quota_exceeded: 'the quota is used up', disk_full: 'the disk is full', unsupported_type: 'not a photo or video',
  checksum_mismatch: 'the bytes were not the announced ones', empty_file: 'the file is empty', length_exceeded: 'more bytes than announced',
  upload_busy: 'another connection was sending it', overloaded: 'too much at once', unauthorized: 'not logged in', forbidden: 'not allowed',
  invalid: 'the request could not be understood', quiet: 'not heard from for longer than usual', signed_out: 'it is signed out',
  quota_full: 'the quota is used up', permission_denied: 'the app may see no photos', permission_limited: 'the app may see only chosen photos',
  background_off: 'the app may not work in the background', uploads_rejected: 'uploads are rejected', transfers_break: 'transfers break off',
  backlog_stuck: 'what is left does not get less', no_upload_yet: 'no photo came yet', no_new_photos: 'no photo came for two months', ok: 'it is in contact again', new_device: 'it is new',
};

/** Why, where it is known; a slug that has no words yet is shown as it is. */
export const why = (reason) => (reason ? reasons[reason] ?? reason.replaceAll('_', ' ') : null);

const older = 7 * 86_400_000;

/** A photo that was taken long before it came sorts far back on the timeline. */
const isOlder = (entry) => entry.kind === 'stored' && entry.capturedAt && Date.parse(entry.at) - Date.parse(entry.capturedAt) > older;

const many = (entry) => (entry.count > 1 ? plural(entry.count, 'item') : entry.name ?? plural(entry.count ?? 1, 'item'));

const disk = { red: 'The server’s disk is almost full', amber: 'The server’s disk gets full', green: 'The server’s disk has room again' };
const levels = { red: 'Help is needed', amber: 'A look is needed', green: 'All is well again' };

const sayings = {
  stored: (entry) => [entry.together ? plural(entry.together, 'item') : entry.name ?? 'A file', `stored, ${bytes(entry.bytes)}${isOlder(entry) ? `, taken ${day(entry.capturedAt)}` : ''}`],
  duplicate: (entry) => [entry.name ?? 'A file', `was here already${entry.bytes ? `; ${bytes(entry.bytes)} not stored twice` : ''}`],
  rejected: (entry) => [entry.name ?? 'A file', `was rejected: ${why(entry.reason) ?? 'no reason given'}`],
  broken: (entry) => [entry.name ?? 'A transfer', 'broke off; it can go on later'],
  trashed: (entry) => [many(entry), 'moved to the trash'],
  restored: (entry) => [many(entry), 'restored from the trash'],
  deleted: (entry) => [many(entry), 'deleted for good'],
  login: () => ['Login', null],
  login_failed: (entry) => ['Login failed', entry.count > 1 ? `${entry.count} times` : null],
  logout: () => ['Logged out', null],
  device_new: () => ['New device', null],
  device_renamed: () => ['Device renamed', null],
  device_merged: () => ['Devices merged', null],
  push_confirmed: () => ['Can be woken', null],
  push_moved: () => ['Another device took its push address over', null],
  push_gone: () => ['Cannot be woken any more', null],
  push_removed: () => ['Push address removed', null],
  push_expired: () => ['Push address forgotten', 'not refreshed for 270 days'],
  outbound_hosts_changed: () => ['Allowed hosts changed', null],
  device_revoked: () => ['Device revoked', null],
  device_snoozed: () => ['Device snoozed', null],
  device_checked_in: () => ['Checked in', null],
  os_changed: () => ['System updated', null],
  client_changed: () => ['App updated', null],
  alarm: (entry) => [levels[entry.detail] ?? 'Its state changed', why(entry.reason)],
  canary: (entry) => ['The test photo arrived', entry.seconds === null ? null : `${duration(entry.seconds)} after it was taken`],
  disk_level: (entry) => [disk[entry.reason] ?? 'The disk', null],
  key_created: () => ['API key made', null],
  key_deleted: () => ['API key deleted', null],
  user_created: () => ['Person added', null],
  user_deleted: () => ['Person removed', null],
  password_changed: () => ['Password changed', null],
};

/** The entry's subject and what became of it. */
export function saying(entry) {
  const [subject, outcome] = (sayings[entry.kind] ?? (() => [entry.kind.replaceAll('_', ' '), null]))(entry);
  const detail = entry.kind === 'alarm' ? null : entry.detail;
  return { subject, outcome: [outcome, detail].filter(Boolean).join('; ') || null };
}

const looks = {
  stored: ['check', 'green'], duplicate: ['copy', ''], rejected: ['warning', 'red'], broken: ['warning', 'amber'], alarm: ['warning', 'amber'],
  login_failed: ['warning', 'amber'], disk_level: ['warning', 'amber'], canary: ['check', 'green'], trashed: ['trash', ''], deleted: ['trash', ''], restored: ['restore', ''],
};

/** Icon and colour. */
export function look(entry) {
  if (entry.kind === 'alarm' && entry.detail?.startsWith('green')) return ['check', 'green'];
  if (looks[entry.kind]) return looks[entry.kind];
  if (/^(device|os|client)_/.test(entry.kind)) return ['devices', ''];
  return [/^key/.test(entry.kind) ? 'keys' : 'people', ''];
}

export const when = (entry) => ago(entry.at);
