// Runs before the first paint, so that a dark console never flashes white.
(() => {
  const chosen = localStorage.getItem('tagboat.theme');
  const dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.classList.toggle('pf-v6-theme-dark', dark);
})();
