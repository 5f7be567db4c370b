/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* State diagrams. What a rule does is told in one line, "guard / actions; verdict": on an edge
 * where it enters another state, inside the state's box where it stays. Edges between the same two
 * states are one edge with several lines. */
#include "base/units.h"
#include "pipeline/print.h"

#include <stdlib.h>
#include <string.h>

enum {
    WRAP = 40,      /* characters of a line */
    INDENT = 4,     /* of its continuation */
    MAX_LINES = 12, /* of one edge or box; the rest is counted */
    MAX_ACTIONS = 3,
    MAX_ENDS = 3,
};

enum style { SOLID, ANY_STATE, TIMEOUT };

struct edge {
    uint32_t from, to; /* states; from n_states = any state */
    enum style style;
    struct beba_strbuf text;
    unsigned lines, left_out;
};

struct graph {
    struct beba_strbuf *out;
    const struct beba_pipeline *p;
    const struct beba_table *t;
    uint32_t index; /* of the table */
    struct edge *edge;
    size_t n_edges, cap;
    struct edge *box;        /* one a state, and one for any state; from and to unused */
    struct beba_strbuf word; /* scratch */
};

/* --- text ---------------------------------------------------------------------------------- */

static size_t characters(const char *s, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

/* Characters up to the end of the clause: what a line would rather not be broken in. */
static size_t clause(const char *s)
{
    const char *end = strstr(s, "; ");

    return characters(s, end ? (size_t)(end - s) + 1 : strlen(s));
}

/* Adds a text as one or more lines, broken between clauses, or else at spaces. */
static void add_line(struct edge *to, const char *s)
{
    size_t column = 0;
    bool after = false; /* the end of a clause */

    if (to->lines >= MAX_LINES) {
        to->left_out++;
        return;
    }
    to->lines++;
    while (*s) {
        size_t n = strcspn(s, " \n");
        size_t width = characters(s, n), rest = after || *s == '/' ? clause(s) : width;

        if (column &&
            (column + 1 + width > WRAP || (column + 1 + rest > WRAP && rest <= WRAP - INDENT))) {
            beba_strbuf_puts(&to->text, "\n    ");
            column = INDENT;
        } else if (column) {
            beba_strbuf_putc(&to->text, ' ');
            column++;
        }
        beba_strbuf_add(&to->text, s, n);
        column += width;
        after = n && s[n - 1] == ';';
        s += n;
        s += strspn(s, " \n");
    }
    beba_strbuf_putc(&to->text, '\n');
}

static void finish_lines(struct edge *e)
{
    if (e->left_out)
        beba_strbuf_printf(&e->text, "and %u more\n", e->left_out);
}

/* For a quoted string: Graphviz reads entities and its own escapes there. The margin stands before
 * each line and after it. */
static void put_quoted(struct beba_strbuf *out, const char *s, const char *margin)
{
    bool start = true;

    beba_strbuf_putc(out, '"');
    for (; *s; s++) {
        if (start)
            beba_strbuf_puts(out, margin);
        start = *s == '\n';
        if (*s == '"' || *s == '\\')
            beba_strbuf_printf(out, "\\%c", *s);
        else if (*s == '\n')
            beba_strbuf_printf(out, "%s\\l", margin);
        else if (*s == '&')
            beba_strbuf_puts(out, "&amp;");
        else
            beba_strbuf_putc(out, (unsigned char)*s < 0x20 ? '?' : *s);
    }
    beba_strbuf_putc(out, '"');
}

/* For a label between < and >. */
static void put_html(struct beba_strbuf *out, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            beba_strbuf_puts(out, "&amp;");
            break;
        case '<':
            beba_strbuf_puts(out, "&lt;");
            break;
        case '>':
            beba_strbuf_puts(out, "&gt;");
            break;
        case '"':
            beba_strbuf_puts(out, "&quot;");
            break;
        case '\n':
            beba_strbuf_puts(out, "<br align=\"left\"/>");
            break;
        case ' ':
            beba_strbuf_puts(out, s[1] == ' ' ? "&#160;" : " ");
            break;
        default:
            beba_strbuf_putc(out, (unsigned char)*s < 0x20 ? '?' : *s);
        }
    }
}

/* --- what a rule does ---------------------------------------------------------------------- */

static struct edge *edge_between(struct graph *g, uint32_t from, uint32_t to, enum style style)
{
    for (size_t i = 0; i < g->n_edges; i++)
        if (g->edge[i].from == from && g->edge[i].to == to && g->edge[i].style == style)
            return &g->edge[i];
    if (g->n_edges == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 16;
        struct edge *bigger = realloc(g->edge, cap * sizeof(*bigger));

        if (!bigger) {
            g->out->failed = true;
            return NULL;
        }
        g->edge = bigger;
        g->cap = cap;
    }
    g->edge[g->n_edges] = (struct edge){.from = from, .to = to, .style = style};
    return &g->edge[g->n_edges++];
}

static void print_guard(struct graph *g, struct beba_strbuf *out, const struct beba_rule *r)
{
    if (r->label) {
        beba_strbuf_puts(out, strncmp(r->label, "on ", 3) ? r->label : r->label + 3);
        return;
    }
    for (uint32_t i = 0; i < r->n_matches; i++) {
        const struct beba_field *f = &beba_fields[r->match[i].field];

        beba_strbuf_printf(out, "%s%s = ", i ? ", " : "", f->name);
        beba_value_print(out, f->type, r->match[i].value);
    }
    if (r->guard) {
        beba_strbuf_puts(out, r->n_matches ? ", " : "");
        beba_expr_print(out, g->p, g->t, r->guard);
    } else if (!r->n_matches) {
        beba_strbuf_puts(out, "always");
    }
}

static bool is_action(const struct beba_stmt *s)
{
    return s->kind != BEBA_STMT_IF && s->kind != BEBA_STMT_GOTO && s->kind != BEBA_STMT_VERDICT &&
           s->kind != BEBA_STMT_LET;
}

static const struct beba_verdict *own_verdict(const struct beba_body *body)
{
    for (uint32_t i = 0; i < body->n; i++)
        if (body->stmt[i].kind == BEBA_STMT_VERDICT)
            return &body->stmt[i].verdict;
    return NULL;
}

/* True when some way through the body enters no state. */
static bool may_stay(const struct beba_body *body, bool *ended, unsigned depth)
{
    *ended = false;
    for (uint32_t i = 0; i < body->n && depth <= BEBA_MAX_DEPTH; i++) {
        const struct beba_stmt *s = &body->stmt[i];
        bool then_ended, else_ended, then_stays, else_stays;

        if (s->kind == BEBA_STMT_GOTO)
            return false;
        if (s->kind == BEBA_STMT_VERDICT) {
            *ended = true;
            return true;
        }
        if (s->kind != BEBA_STMT_IF)
            continue;
        then_stays = may_stay(&s->then, &then_ended, depth + 1);
        else_stays = may_stay(&s->otherwise, &else_ended, depth + 1);
        if ((then_stays && then_ended) || (else_stays && else_ended))
            return true;
        if (!then_stays && !else_stays)
            return false;
    }
    return true;
}

/* Ways that a body may end, as text, each once. */
struct ends {
    struct beba_strbuf text[MAX_ENDS];
    unsigned n;
    bool more;
};

static void add_end(struct graph *g, struct ends *ends, const struct beba_verdict *v)
{
    struct beba_strbuf text = {0};

    beba_verdict_print(&text, g->p, g->t, v);
    for (unsigned i = 0; i < ends->n; i++) {
        if (!strcmp(beba_strbuf_str(&text), beba_strbuf_str(&ends->text[i]))) {
            beba_strbuf_free(&text);
            return;
        }
    }
    if (ends->n < MAX_ENDS) {
        ends->text[ends->n++] = text;
        return;
    }
    beba_strbuf_free(&text);
    ends->more = true;
}

/* stays: only of those ways that enter no state. */
static void add_ends(struct graph *g, struct ends *ends, const struct beba_body *body, bool stays,
                     unsigned depth)
{
    bool ended;

    if (stays && !may_stay(body, &ended, 0))
        return;
    for (uint32_t i = 0; i < body->n && depth <= BEBA_MAX_DEPTH; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (s->kind == BEBA_STMT_VERDICT) {
            add_end(g, ends, &s->verdict);
            return;
        }
        if (s->kind == BEBA_STMT_IF) {
            add_ends(g, ends, &s->then, stays, depth + 1);
            add_ends(g, ends, &s->otherwise, stays, depth + 1);
        }
    }
}

/* "drop", "output(1) or output(2)". later is the verdict after the body, NULL = the table's
 * default. */
static void print_ends(struct graph *g, struct beba_strbuf *out, const struct beba_body *body,
                       const struct beba_verdict *later, bool stays)
{
    static const struct beba_verdict drop = {.kind = BEBA_VERDICT_DROP};
    struct ends ends = {0};

    if (!later)
        later = g->t->dflt.kind == BEBA_VERDICT_NONE ? &drop : &g->t->dflt;
    add_ends(g, &ends, body, stays, 0);
    if (!beba_body_decides(body))
        add_end(g, &ends, later);
    for (unsigned i = 0; i < ends.n; i++) {
        beba_strbuf_printf(out, "%s%s", i ? " or " : "", beba_strbuf_str(&ends.text[i]));
        beba_strbuf_free(&ends.text[i]);
    }
    beba_strbuf_puts(out, ends.more ? " or ..." : "");
}

/* " / a = 1; b = 2; drop" of the statements that stand directly in the body. */
static void print_actions(struct graph *g, struct beba_strbuf *out, const char *first,
                          const struct beba_body *body, const struct beba_verdict *later,
                          bool stays)
{
    const char *between = first ? "; " : " / ";
    unsigned shown = 0;

    if (first)
        beba_strbuf_printf(out, " / %s", first);
    for (uint32_t i = 0; i < body->n && body->stmt[i].kind != BEBA_STMT_VERDICT; i++) {
        const struct beba_stmt *s = &body->stmt[i];

        if (!is_action(s) || shown > MAX_ACTIONS)
            continue;
        beba_strbuf_puts(out, between);
        between = "; ";
        if (shown++ == MAX_ACTIONS)
            beba_strbuf_puts(out, "...");
        else
            beba_stmt_print(out, g->p, g->t, s);
    }
    beba_strbuf_puts(out, between);
    print_ends(g, out, body, later, stays);
}

/* An edge for each goto; guard is how one gets to this body, later the verdict that follows it. */
static void add_gotos(struct graph *g, uint32_t from, enum style style, const char *guard,
                      const struct beba_body *body, const struct beba_verdict *later,
                      unsigned depth)
{
    const struct beba_verdict *verdict = own_verdict(body);
    const struct beba_stmt *enters = NULL;

    if (!verdict)
        verdict = later;
    for (uint32_t i = 0; i < body->n && depth <= BEBA_MAX_DEPTH; i++) {
        const struct beba_stmt *s = &body->stmt[i];
        struct beba_strbuf condition = {0}, under = {0};

        if (s->kind == BEBA_STMT_GOTO)
            enters = s;
        if (s->kind != BEBA_STMT_IF)
            continue;
        beba_expr_print(&condition, g->p, g->t, s->value);
        beba_strbuf_printf(&under, "%s, if %s", guard, beba_strbuf_str(&condition));
        add_gotos(g, from, style, beba_strbuf_str(&under), &s->then, verdict, depth + 1);
        beba_strbuf_clear(&under);
        beba_strbuf_printf(&under, "%s, unless %s", guard, beba_strbuf_str(&condition));
        add_gotos(g, from, style, beba_strbuf_str(&under), &s->otherwise, verdict, depth + 1);
        beba_strbuf_free(&condition);
        beba_strbuf_free(&under);
    }
    if (enters) {
        struct beba_strbuf line = {0};
        bool self = enters->id == from;
        struct edge *e = self ? &g->box[from] : edge_between(g, from, enters->id, style);

        beba_strbuf_puts(&line, guard);
        print_actions(g, &line, self ? "restart" : NULL, body, later, false);
        if (e)
            add_line(e, beba_strbuf_str(&line));
        beba_strbuf_free(&line);
    }
}

static void add_rule(struct graph *g, uint32_t from, enum style style, const struct beba_rule *r)
{
    struct beba_strbuf guard = {0};
    bool ended;

    for (uint32_t i = 0; i < r->lets.n; i++) {
        beba_stmt_print(&guard, g->p, g->t, &r->lets.stmt[i]);
        add_line(&g->box[from], beba_strbuf_str(&guard));
        beba_strbuf_clear(&guard);
    }
    print_guard(g, &guard, r);
    add_gotos(g, from, style, beba_strbuf_str(&guard), &r->body, NULL, 0);
    if (may_stay(&r->body, &ended, 0)) {
        print_actions(g, &guard, NULL, &r->body, NULL, true);
        add_line(&g->box[from], beba_strbuf_str(&guard));
    }
    beba_strbuf_free(&guard);
}

static void add_timeout(struct graph *g, uint32_t from, const char *word, uint64_t ns, uint32_t to)
{
    struct edge *e = ns ? edge_between(g, from, to, TIMEOUT) : NULL;

    if (!e)
        return;
    beba_strbuf_clear(&g->word);
    beba_strbuf_printf(&g->word, "%s ", word);
    beba_duration_print(&g->word, ns);
    add_line(e, beba_strbuf_str(&g->word));
}

/* A table of one state needs no box for any state. */
static uint32_t any_state(const struct beba_table *t)
{
    return t->n_states > 1 ? t->n_states : 0;
}

static void collect(struct graph *g)
{
    const struct beba_table *t = g->t;

    for (uint32_t s = 0; s < t->n_states; s++) {
        add_timeout(g, s, "idle", t->timeouts[s].idle, t->timeouts[s].idle_to);
        add_timeout(g, s, "hard", t->timeouts[s].hard, t->timeouts[s].hard_to);
    }
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct beba_rule *r = &t->rule[i];

        if (!r->state_mask || !t->n_states) {
            add_rule(g, any_state(t), any_state(t) ? ANY_STATE : SOLID, r);
            continue;
        }
        if (r->state_mask == 0xffffffff) {
            add_rule(g, r->state, SOLID, r);
            continue;
        }
        for (uint32_t s = 0; s < t->n_states; s++)
            if ((s & r->state_mask) == r->state)
                add_rule(g, s, SOLID, r);
    }
}

/* --- drawing ------------------------------------------------------------------------------- */

static void draw_box(struct graph *g, uint32_t state, const char *name, const char *attributes)
{
    struct edge *box = &g->box[state];

    finish_lines(box);
    beba_strbuf_printf(g->out, "        t%u_s%u [%slabel=<", g->index, state, attributes);
    if (name) {
        beba_strbuf_puts(g->out, "<b>");
        put_html(g->out, name);
        beba_strbuf_puts(g->out, "</b>");
    }
    if (box->text.len) {
        beba_strbuf_puts(g->out, name ? "<br/><font point-size=\"9\">" : "<font point-size=\"9\">");
        put_html(g->out, beba_strbuf_str(&box->text));
        beba_strbuf_puts(g->out, "</font>");
    }
    beba_strbuf_puts(g->out, ">];\n");
}

static void draw_edge(struct graph *g, struct edge *e)
{
    static const char *const styles[] = {
        [SOLID] = "",
        [ANY_STATE] = "style=dashed, ",
        [TIMEOUT] = "style=dashed, color=\"#b05a00\", fontcolor=\"#b05a00\", ",
    };
    bool back;

    finish_lines(e);
    /* the way back to the start is drawn from there, so that the start stands above */
    back = e->style == TIMEOUT && !e->to;
    beba_strbuf_printf(g->out, "        t%u_s%u -> t%u_s%u [%s%slabel=", g->index,
                       back ? e->to : e->from, g->index, back ? e->from : e->to, styles[e->style],
                       back ? "dir=back, " : "");
    put_quoted(g->out, beba_strbuf_str(&e->text), "  "); /* off the line and the border */
    beba_strbuf_puts(g->out, "];\n");
}

/* Name, key, registers, capacity. */
static void draw_title(struct graph *g)
{
    const struct beba_table *t = g->t;

    beba_strbuf_clear(&g->word);
    if (t->lookup.kind == BEBA_KEY_NONE)
        beba_strbuf_puts(&g->word, "no key");
    else
        beba_strbuf_puts(&g->word, t->two_keys ? "lookup " : "key ");
    beba_key_fields_print(&g->word, &t->lookup);
    if (t->two_keys) {
        beba_strbuf_puts(&g->word, ", update ");
        beba_key_fields_print(&g->word, &t->update);
    }
    beba_strbuf_putc(&g->word, '\n');
    for (uint32_t i = 0; i < t->n_regs; i++) {
        beba_strbuf_printf(&g->word, "reg %s : ", t->reg[i].name);
        beba_type_print(&g->word, t->reg[i].type);
        beba_strbuf_putc(&g->word, '\n');
    }
    beba_strbuf_puts(g->out, "        label=<<b>");
    if (g->p->n_tables > 1)
        beba_strbuf_printf(g->out, "%u. ", g->index + 1);
    put_html(g->out, t->name);
    beba_strbuf_puts(g->out, "</b><br align=\"left\"/><font point-size=\"9\">");
    put_html(g->out, beba_strbuf_str(&g->word));
    beba_strbuf_puts(g->out, "</font>>;\n");
}

static bool has_any_state(const struct graph *g)
{
    uint32_t any = any_state(g->t);

    if (!any)
        return false;
    for (size_t i = 0; i < g->n_edges; i++)
        if (g->edge[i].from == any)
            return true;
    return g->box[any].lines;
}

static void draw_table(struct graph *g)
{
    const struct beba_table *t = g->t;

    /* a border only where there are machines to tell apart: edges may bulge over it */
    beba_strbuf_printf(g->out, "    subgraph cluster_%u {\n        margin=20;%s\n", g->index,
                       g->p->n_tables > 1 ? "" : " pencolor=none;");
    draw_title(g);
    if (t->lookup.kind == BEBA_KEY_NONE) {
        draw_box(g, 0, NULL, "");
    } else {
        beba_strbuf_printf(
            g->out,
            "        t%u_start [shape=point, width=0.12, style=filled, fillcolor=\"#3a5068\"];\n",
            g->index);
        for (uint32_t s = 0; s < t->n_states; s++)
            draw_box(g, s, t->state[s].name, s ? "" : "penwidth=2, ");
        if (has_any_state(g))
            draw_box(g, t->n_states, "in any state", "style=\"rounded,dashed\", ");
        beba_strbuf_printf(g->out, "        t%u_start -> t%u_s0;\n", g->index, g->index);
    }
    for (size_t i = 0; i < g->n_edges; i++)
        draw_edge(g, &g->edge[i]);
    beba_strbuf_puts(g->out, "    }\n");
}

static void graph_table(struct beba_strbuf *out, const struct beba_pipeline *p, uint32_t index)
{
    struct graph g = {.out = out, .p = p, .t = &p->table[index], .index = index};
    size_t n_boxes = (size_t)g.t->n_states + 1;

    g.box = calloc(n_boxes, sizeof(*g.box));
    if (!g.box) {
        out->failed = true;
        return;
    }
    collect(&g);
    draw_table(&g);
    for (size_t i = 0; i < n_boxes; i++)
        beba_strbuf_free(&g.box[i].text);
    for (size_t i = 0; i < g.n_edges; i++)
        beba_strbuf_free(&g.edge[i].text);
    beba_strbuf_free(&g.word);
    free(g.edge);
    free(g.box);
}

void beba_pipeline_dot(struct beba_strbuf *out, const struct beba_pipeline *p)
{
    beba_strbuf_puts(out, "digraph ");
    put_quoted(out, p->name ? p->name : "pipeline", "");
    beba_strbuf_puts(out,
                     " {\n"
                     "    graph [fontname=\"Helvetica\", fontsize=13, labeljust=l, nodesep=0.5,\n"
                     "           ranksep=0.6, style=\"rounded\", color=\"#9aa5b1\"];\n"
                     "    node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3f8\",\n"
                     "          color=\"#3a5068\", fontname=\"Helvetica\", fontsize=12];\n"
                     "    edge [fontname=\"Helvetica\", fontsize=9, color=\"#3a5068\"];\n");
    for (uint32_t i = 0; i < p->n_tables; i++)
        graph_table(out, p, i);
    beba_strbuf_puts(out, "}\n");
}
