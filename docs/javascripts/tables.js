// Marks each table that is wider than the page, so that the style sheet can say that it scrolls.
function markWideTables() {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap")) {
    wrap.classList.toggle("scrolls", wrap.scrollWidth > wrap.clientWidth)
  }
}

window.addEventListener("load", markWideTables)
window.addEventListener("resize", markWideTables)
