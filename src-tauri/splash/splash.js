// The sentences come from the program, in the fragment: Arabic, then English.
function show() {
  const [ar = "", en = ""] = decodeURIComponent(location.hash.slice(1)).split("\n");
  document.getElementById("ar").textContent = ar;
  document.getElementById("en").textContent = en;
}
addEventListener("hashchange", show);
show();
