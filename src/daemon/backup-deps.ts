export const backupDeps = (_: any): any => ({
  routes: { listBackups: async () => [], createBackup: async () => ({}) },
  panel: { listBackups: async () => [], createBackup: async () => ({}) },
  jobs: [],
});
