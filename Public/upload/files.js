// The files of an input or of a drop, folders with all that is in them.

/** `[{ file, path }]` of a drop. Folders are walked down; what cannot be read is left to the upload to say. */
export async function dropped(transfer) {
  // The list is empty after the first wait, so the entries are taken at once.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}

/** The same of `<input type=file>`. */
export const chosen = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/** What systems leave in folders beside photos is not worth a line in the result. */
export const isLitter = ({ file }) => /^(\.|Thumbs\.db$|desktop\.ini$)/i.test(file.name) || file.name.startsWith('._');
