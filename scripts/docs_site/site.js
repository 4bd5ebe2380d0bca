// wide tables scroll by keyboard too
const reach = () => document.querySelectorAll(".md-typeset__scrollwrap").forEach((part) => (part.tabIndex = 0));
addEventListener("load", reach);
reach();
