// One look at a TUF repository with tuf-js, which shares no code with python-tuf: refresh, and one target.
// The request on stdin: {base, root, place, target}; the answer on stdout: {content} in hex, or {error}.
import fs from 'node:fs';
import path from 'node:path';
import { Updater } from 'tuf-js';

const { base, root, place, target } = JSON.parse(fs.readFileSync(0, 'utf8'));
const metadataDir = path.join(place, 'metadata');
const targetDir = path.join(place, 'targets');
fs.mkdirSync(metadataDir, { recursive: true });
fs.mkdirSync(targetDir, { recursive: true });
const trusted = path.join(metadataDir, 'root.json');
if (!fs.existsSync(trusted)) fs.writeFileSync(trusted, Buffer.from(root, 'hex'));

const answer = {};
try {
  const updater = new Updater({
    metadataDir,
    targetDir,
    metadataBaseUrl: `${base}/metadata`,
    targetBaseUrl: `${base}/targets`,
  });
  await updater.refresh();
  const info = await updater.getTargetInfo(target);
  answer.content = fs.readFileSync(await updater.downloadTarget(info)).toString('hex');
} catch (error) {
  answer.error = error.constructor.name;
  answer.message = error.message;
}
process.stdout.write(JSON.stringify(answer));
