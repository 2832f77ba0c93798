// What no policy reaches; the policies are in /etc/firefox/policies. Each of these would ask a server of Firefox's makers.
pref("app.normandy.enabled", false, locked);
pref("breakpad.reportURL", "", locked);
pref("browser.crashReports.unsubmittedCheck.enabled", false, locked);
pref("browser.newtabpage.activity-stream.newtabWallpapers.enabled", false, locked);
pref("browser.region.network.url", "", locked);
pref("browser.region.update.enabled", false, locked);
pref("dom.push.connection.enabled", false, locked);
pref("extensions.getAddons.cache.enabled", false, locked);
pref("geo.provider.network.url", "", locked);
pref("media.gmp-manager.updateEnabled", false, locked);
pref("network.connectivity-service.enabled", false, locked);
