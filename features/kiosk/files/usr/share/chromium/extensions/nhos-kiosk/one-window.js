// Another window would have the browser's address bar and menu. What would open in one, or in a tab, opens in the first window
// instead. What may not be opened is told by a page that leads back.

async function moveToFirst(tab, url) {
  const [first] = (await chrome.tabs.query({})).sort((a, b) => a.id - b.id);
  if (tab === first.id) return;
  await chrome.tabs.remove(tab).catch(() => {}); // it may be gone already
  if (url) await chrome.tabs.update(first.id, { url });
}

// A link that is clicked with a key has its address from the beginning; one that names a window has it a moment later.
chrome.tabs.onCreated.addListener((tab) => {
  if (tab.pendingUrl) moveToFirst(tab.id, tab.pendingUrl);
  else setTimeout(moveToFirst, 3000, tab.id, "");
});
chrome.webNavigation.onCreatedNavigationTarget.addListener((opened) => moveToFirst(opened.tabId, opened.url));

chrome.webNavigation.onErrorOccurred.addListener((failed) => {
  if (failed.frameId === 0 && failed.error === "net::ERR_BLOCKED_BY_ADMINISTRATOR") {
    chrome.tabs.update(failed.tabId, { url: "refused.html" });
  }
});
