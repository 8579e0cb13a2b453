-- Everything that the three sites know. The log of the wiki is no state: who corrects a mistake of theirs has made none.

CREATE TABLE account (name TEXT, login TEXT, email TEXT, phone TEXT, address TEXT);

CREATE TABLE product (
  id INTEGER PRIMARY KEY, name TEXT UNIQUE, category TEXT, brand TEXT, colour TEXT, about TEXT, cents INTEGER, stock INTEGER
);
CREATE TABLE review (id INTEGER PRIMARY KEY, product INTEGER, author TEXT, stars INTEGER, text TEXT, day TEXT);
CREATE TABLE cart (product INTEGER PRIMARY KEY, quantity INTEGER);
CREATE TABLE wish (product INTEGER PRIMARY KEY);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, day TEXT, status TEXT, address TEXT, shipping TEXT);
CREATE TABLE purchase_line (purchase INTEGER, product INTEGER, quantity INTEGER, cents INTEGER);

CREATE TABLE person (login TEXT PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE project (key TEXT PRIMARY KEY, name TEXT UNIQUE, about TEXT);
CREATE TABLE label (name TEXT PRIMARY KEY, about TEXT);
CREATE TABLE issue (
  id TEXT PRIMARY KEY, project TEXT, number INTEGER, title TEXT, body TEXT, state TEXT, priority TEXT, reporter TEXT,
  assignee TEXT, day TEXT
);
CREATE TABLE issue_label (issue TEXT, label TEXT, PRIMARY KEY (issue, label));
CREATE TABLE comment (id INTEGER PRIMARY KEY, issue TEXT, author TEXT, text TEXT, day TEXT);

CREATE TABLE page (title TEXT PRIMARY KEY, text TEXT);
CREATE TABLE revision (id INTEGER PRIMARY KEY, page TEXT, text TEXT, author TEXT, summary TEXT, day TEXT);
