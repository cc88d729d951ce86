export { type RestoreSummary, restore } from './restore.ts';
export { type BackupSummary, backUp } from './write-backup.ts';
