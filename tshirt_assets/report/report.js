// Native titles need a mouse: a tap shows a token's delta in a small label instead.
const label = document.createElement("output");
label.className = "delta";
label.hidden = true;
document.body.append(label);

document.addEventListener("click", (event) => {
  const token = event.target.closest(".text span[title]");
  label.hidden = !token;
  if (!token) return;
  label.textContent = token.title;
  const box = token.getBoundingClientRect();
  const left = box.left + scrollX + box.width / 2 - label.offsetWidth / 2;
  const most = scrollX + document.documentElement.clientWidth - label.offsetWidth - 4;
  label.style.left = `${Math.max(scrollX + 4, Math.min(left, most))}px`;
  label.style.top = `${box.top + scrollY - label.offsetHeight - 4}px`;
});
