// Tells the server the browser's time zone before the first page is drawn.
document.cookie = `onefold_tz=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC")};path=/;max-age=31536000;samesite=lax`;
