-- Store DEFAULT holds exactly what a fresh Shopizer 3.2.5 shows.
insert into category (id, store_id, parent_id, code, lineage, depth, sort_order, visible, featured) values
  (1, 1, null, 'DEFAULT', '/1/', 0, 0, false, false),
  (50, 1, null, 'tables', '/50/', 0, 100, true, false),
  (51, 1, null, 'chairs', '/51/', 0, 200, true, false);
insert into category_description (id, category_id, language, name, description, friendly_url, highlights, meta_description, title) values
  (1, 1, 'en', 'Default category', '', 'default-category', '', '', 'Default category'),
  (2, 50, 'en', 'Tables', '', 'tables', '', '', 'Tables'),
  (3, 51, 'en', 'Chairs', '', 'chairs', '', '', 'Chairs');
insert into product (id, store_id, manufacturer_id) values (1, 1, 1);
insert into product_category (product_id, category_id) values (1, 50);

-- Store BOOKS has what DEFAULT lacks: three levels, hidden parents and a second language.
insert into store (id, code, parent_id, default_language) values (2, 'BOOKS', null, 'en');
insert into category (id, store_id, parent_id, code, lineage, depth, sort_order, visible, featured) values
  (200, 2, null, 'computerbooks', '/200/', 0, 10, true, true),
  (201, 2, null, 'novels', '/201/', 0, 20, false, false),
  (202, 2, null, 'business', '/202/', 0, 30, true, false),
  (203, 2, 200, 'tech', '/200/203/', 1, 10, false, false),
  (204, 2, 200, 'web', '/200/204/', 1, 20, true, false),
  (205, 2, 201, 'fiction', '/201/205/', 1, 10, true, true),
  (206, 2, 203, 'cloud', '/200/203/206/', 2, 10, true, false);
insert into category_description (id, category_id, language, name, description, friendly_url, highlights, meta_description, title) values
  (200, 200, 'en', 'Computer books', '', 'computer-books', '', '', 'Computer books'),
  (201, 200, 'fr', 'Livres d''informatique', '', 'livres-informatique', '', '', 'Livres d''informatique'),
  (202, 201, 'en', 'Novels', '', 'novels', '', '', 'Novels'),
  (203, 201, 'fr', 'Romans', '', 'romans', '', '', 'Romans'),
  (204, 202, 'en', 'Business', '', 'business', '', '', 'Business'),
  (205, 202, 'fr', 'Affaires', '', 'affaires', '', '', 'Affaires'),
  (206, 203, 'en', 'Technology', '', 'technology', '', '', 'Technology'),
  (207, 203, 'fr', 'Technologie', '', 'technologie', '', '', 'Technologie'),
  (208, 204, 'en', 'Web', '', 'web', '', '', 'Web'),
  (209, 204, 'fr', 'Web', '', 'toile', '', '', 'Web'),
  (210, 205, 'en', 'Fiction', '', 'fiction', '', '', 'Fiction'),
  (211, 205, 'fr', 'Fiction', '', 'fiction-fr', '', '', 'Fiction'),
  (212, 206, 'en', 'Cloud computing', '', 'cloud-computing', '', '', 'Cloud computing'),
  (213, 206, 'fr', 'Informatique en nuage', '', 'informatique-en-nuage', '', '', 'Informatique en nuage');
