// Lines of a file or of a difference, made of text: nothing in them is read as markup.
export default {
  props: { label: String, lines: Array },
  methods: {
    line([number, mark, parts], index) {
      const kind = { "+": "added", "-": "gone", "@": "where" }[mark];
      return Vue.h("div", { class: ["code-line", kind], key: index }, [
        Vue.h("span", { class: "number", "aria-hidden": "true" }, number),
        Vue.h("span", { class: "mark" }, mark === "@" ? "" : mark),
        Vue.h("span", { class: "source" }, parts.map(([kind, text]) => (kind ? Vue.h("span", { class: kind }, text) : text))),
      ]);
    },
  },
  render() {
    return Vue.h("div", { class: "code", tabindex: 0, role: "region", "aria-label": this.label }, this.lines.map(this.line));
  },
};
