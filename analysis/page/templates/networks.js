// The cards of networks beside a front: of the one under the pointer, and of two that are pinned.
class Networks {
  constructor(cards) {
    this.cards = cards;
    this.plot = document.querySelector("[data-front]");
    this.pins = this.pinnedBefore();
    this.hovered = null;
    if (!this.plot) return;
    this.points = this.orderedPoints();
    this.focus = -1;
    this.plot.on("plotly_hover", (event) => this.hover(event.points[0].customdata));
    this.plot.on("plotly_click", (event) => this.toggle(event.points[0].customdata));
    this.plot.parentElement.addEventListener("keydown", (event) => this.key(event));
    for (const button of document.querySelectorAll("button[data-pin]")) {
      button.addEventListener("click", () => this.toggle(button.dataset.pin));
    }
    for (const row of document.querySelectorAll("tr[data-network]")) {
      row.addEventListener("mouseenter", () => this.hover(row.dataset.network));
    }
  }

  pinnedBefore() {
    const named = /compare=([\w,]+)/.exec(location.hash);
    return named ? named[1].split(",").filter((id) => id in this.cards).slice(0, 2) : [];
  }

  // Every network on the plot by ascending cost, with its place.
  orderedPoints() {
    const places = new Map();
    for (const trace of this.plot.data) {
      if (!trace.customdata) continue;
      trace.customdata.forEach((id, index) => places.set(id, { id, x: trace.x[index], y: trace.y[index] }));
    }
    return [...places.values()].sort((one, other) => one.x - other.x);
  }

  hover(id) {
    if (!(id in this.cards)) return;
    this.hovered = id;
    this.show();
  }

  toggle(id) {
    if (!(id in this.cards)) return;
    this.pins = this.pins.includes(id) ? this.pins.filter((each) => each !== id) : [...this.pins, id].slice(-2);
    const hash = this.pins.length ? `#compare=${this.pins.join(",")}` : location.pathname + location.search;
    history.replaceState(null, "", hash);
    this.show();
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      this.focus = Math.min(Math.max(this.focus + steps[event.key], 0), this.points.length - 1);
      this.hover(this.points[this.focus].id);
      this.markFocus();
      this.say(this.points[this.focus].id);
    } else if ((event.key === "Enter" || event.key === " ") && this.focus >= 0) {
      this.toggle(this.points[this.focus].id);
    } else if (event.key === "Escape") {
      this.pins = [];
      this.show();
    } else {
      return;
    }
    event.preventDefault();
  }

  markFocus() {
    if (!this.plot || this.focus < 0) return;
    const { x, y } = this.points[this.focus];
    Plotly.restyle(this.plot, { x: [[x]], y: [[y]] }, [this.plot.data.length - 1]);
  }

  say(id) {
    const facts = this.cards[id].facts.map((fact) => `${fact.label} ${fact.text}`);
    element("spoken").textContent = [id, ...facts].join(", ");
  }

  show() {
    if (!this.plot) return;
    const shown = [...this.pins];
    const other = this.hovered ?? this.plot.dataset.front;
    if (shown.length < 2 && !shown.includes(other)) shown.push(other);
    const place = element("cards");
    place.replaceChildren(...shown.map((id, index) => this.card(id, index ? shown[0] : null)));
    for (const button of document.querySelectorAll("button[data-pin]")) {
      button.setAttribute("aria-pressed", this.pins.includes(button.dataset.pin));
    }
  }

  card(id, first) {
    const card = this.cards[id];
    const article = document.createElement("article");
    article.className = "card";
    const heading = document.createElement("header");
    const isPinned = this.pins.includes(id);
    heading.append(text("span", card.name, "name"), text("span", id, "id"), this.pinButton(id, isPinned));
    const drawing = document.createElement("div");
    drawing.className = "drawing";
    drawing.tabIndex = 0;
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-label", `drawing of ${id}`);
    drawing.innerHTML = card.drawing; // made by this project's own template, which escapes names
    article.append(heading, factList(card, first && this.cards[first]), drawing);
    article.append(partList(card, first && this.cards[first]));
    return article;
  }

  pinButton(id, isPinned) {
    const button = text("button", isPinned ? "unpin" : "pin");
    button.addEventListener("click", () => this.toggle(id));
    return button;
  }
}

function text(tag, content, className = "") {
  const made = document.createElement(tag);
  made.textContent = content;
  if (className) made.className = className;
  return made;
}

function factList(card, other) {
  const list = document.createElement("dl");
  list.className = "facts";
  for (const fact of card.facts) {
    const pair = document.createElement("div");
    pair.append(text("dt", fact.label), text("dd", fact.text));
    const against = other && other.facts.find((each) => each.label === fact.label);
    if (against && against.value !== null && fact.value !== null) {
      pair.append(text("dd", difference(fact, against), "difference"));
    }
    list.append(pair);
  }
  return list;
}

function difference(fact, against) {
  const sign = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "\u00b1");
  const by = fact.in_points ? 100 * (fact.value - against.value) : 100 * (fact.value / against.value - 1);
  const size = Math.abs(by).toFixed(fact.in_points ? 2 : 0);
  return `${sign(by)}${size}${fact.in_points ? " points" : " %"}`;
}

function partList(card, other) {
  const list = document.createElement("ul");
  list.className = "parts id";
  card.parts.forEach((part, index) => {
    list.append(text("li", part, other && other.parts[index] !== part ? "differs" : ""));
  });
  return list;
}
