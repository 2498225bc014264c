/** What a page says after a form was carried out; the code travels as `?done=` behind the redirect. */
const notices: Record<string, string> = {
  welcome: "Croft is set up, and you are signed in as its owner.",
  created: "The site is there. It waits for its first push.",
  deleted: "The site is being removed: its address answers no more, the rest follows within a minute.",
  limits: "The new limits are set. What runs is changed live, without a restart.",
  rules: "The new rules are set. Visitors meet them at once.",
  "access-log": "Saved. It holds for requests from now on.",
  settings: "Saved. Changes to how it is built or started take effect with the next deploy.",
  "log-storage": "Saved. What is too much or too old goes within the hour.",
  retention: "Saved. What is too old goes with the next night.",
  env: "Saved. It takes effect with the next deploy.",
  "env-removed": "Removed. It is gone with the next deploy; what runs keeps it until then.",
  "volume-added": "The volume is there. It is mounted with the next deploy.",
  "volume-resized": "The volume has its new size. What runs can write on at once.",
  "volume-resized-later": "The volume has its new size; its file system grows when it is mounted next.",
  "volume-removed": "The volume and what it held were removed.",
  "domain-verified":
    "The domain leads here and is the site's. Its certificate comes by itself within a minute.",
  "domain-waiting": "The domain is noted. It is looked at again by itself until it leads here.",
  "domain-changed": "Saved. Visitors follow it at once.",
  "domain-removed": "The domain was removed. The site no longer answers there.",
  "certificate-added": "The certificate is there and in use from now on.",
  "certificate-removed": "The certificate was removed. Its names get an automatic one.",
  "dns-added": "The name server is noted. Test it to see whether its records can be set.",
  "certificates-tried":
    "The certificates that failed are tried again now; what comes of it stands on the host's page.",
  "dns-works": "It works: a record was set, seen at every name server, and removed.",
  "dns-removed": "The DNS provider was removed.",
  "hook-removed": "The hook was removed. Its address now answers 404.",
  "key-revoked": "The key was revoked. It opens nothing from now on.",
  cancelled: "The deployment is being cancelled.",
  stopped: "The site was stopped. Visitors see a page that says so.",
  started: "The site is being started.",
  restarted: "The site gets new containers. Requests wait for the moment in between.",
  paused: "Requests wait from now on. What was under way goes on.",
  resumed: "The site goes on, and what waited with it.",
  "split-ended": "All visitors get the current release again.",
  "user-added": "The account is there.",
  "backup-made": "The backup was made.",
  "signed-out": "You are signed out.",
};

/** Only sentences of our own: nothing of the address is shown. */
export const noticeOf = (code: string | undefined): string | null =>
  code !== undefined && Object.hasOwn(notices, code) ? notices[code]! : null;
