// The files of an input or of a drop, folders with all that is in them.

/** `[{ file, path }]` of a drop. Folders are walked down; what cannot be read is `{ path, problem }`. */
export async function dropped(transfer) {
  // The list is empty after the first wait, so the entries are taken at once.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\//, '');
  if (entry.isFile) {
    try {
      found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    } catch (error) {
      found.push({ path, problem: `The file cannot be read: ${error.message}` });
    }
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    let some;
    try {
      some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    } catch (error) {
      found.push({ path: `${path}/`, problem: `The folder cannot be read to its end: ${error.message}` });
      return;
    }
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}

/** The same of `<input type=file>`. */
export const chosen = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/** What systems leave in folders beside photos is not worth a line in the result. */
export const isLitter = ({ path }) => /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini)$/i.test(path);
