export const PREFERENCES_KEY = "buybuddy.preferences";

/** Runs in the page's head before anything is painted, so that a dark page never flashes white. */
export const THEME_SCRIPT = `try{var p=JSON.parse(localStorage.getItem("${PREFERENCES_KEY}")||"{}");var d=p.theme==="dark"||(p.theme!=="light"&&matchMedia("(prefers-color-scheme: dark)").matches);document.documentElement.classList.toggle("dark",d)}catch(e){}`;
